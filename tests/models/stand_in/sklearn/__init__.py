"""What the scripts need of scikit-learn where tests run them in processes of their own."""
